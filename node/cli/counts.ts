/** 171,075 */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** 1 row, 1,000 rows, 2 indexes */
export function counted(count: number, noun: string): string {
  const plural = noun.endsWith('x') ? 'es' : 's';
  return `${grouped(count)} ${noun}${count === 1 ? '' : plural}`;
}
