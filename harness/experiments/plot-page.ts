/** One page with plots that needs nothing beside itself: the plotting library is in it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export interface Plot {
  readonly title: string;
  readonly about: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly number[];
  readonly series: readonly {
    readonly name: string;
    readonly values: readonly (number | null)[];
    readonly isFaint?: boolean;
  }[];
}

export interface PlotPage {
  readonly title: string;
  /** The command that makes it again. */
  readonly command: string;
  /** Lines of what was found, in words. */
  readonly findings: readonly string[];
  readonly plots: readonly Plot[];
}

const COLOURS = ['#1f6feb', '#d1242f', '#1a7f37', '#9a6700', '#8250df', '#57606a', '#bf3989'];

export function plotPage(page: PlotPage): string {
  const dist = path.join(path.dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');
  const library = readFileSync(path.join(dist, 'uPlot.iife.min.js'), 'utf8');
  const style = readFileSync(path.join(dist, 'uPlot.min.css'), 'utf8');
  const plots = page.plots.map(({ title, about }, i) => {
    return `<section><h2>${escaped(title)}</h2><p>${escaped(about)}</p><div id="plot-${i}"></div></section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(page.title)}</title>
<style>${style}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff; }
code { background: #f6f8fa; padding: .1em .3em; }
section { break-inside: avoid; margin: 2rem 0; }
</style>
<h1>${escaped(page.title)}</h1>
<p><code>${escaped(page.command)}</code></p>
<ul>
${page.findings.map((finding) => `<li>${escaped(finding)}</li>`).join('\n')}
</ul>
${plots.join('\n')}
<script>${library}</script>
<script>
const plots = ${scriptJson(page.plots)};
const colours = ${scriptJson(COLOURS)};
plots.forEach((plot, at) => {
  const place = document.getElementById('plot-' + at);
  new uPlot({
    width: Math.min(960, place.clientWidth || 960),
    height: 280,
    scales: { x: { time: false } },
    axes: [{ label: plot.xLabel }, { label: plot.yLabel }],
    series: [{ label: plot.xLabel }, ...plot.series.map(({ name, isFaint }, i) => ({
      label: name,
      stroke: isFaint ? '#afb8c1' : colours[i % colours.length],
      width: isFaint ? 0.5 : 1.5,
      points: { show: false },
    }))],
    legend: { show: plot.series.length <= 8 },
  }, [plot.x, ...plot.series.map(({ values }) => values)], place);
});
</script>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Cannot end the script that it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
