export * from './failpoints.ts';
export * from './fault-budget.ts';
export * from './fault-injector.ts';
export * from './fault-plan.ts';
export * from './fault-targets.ts';
export * from './membership-faults.ts';
export * from './occasions.ts';
