import type { VariantName } from '../variants.ts';
import { VARIANTS } from '../variants.ts';
import { PUBLISHED } from './published.ts';
import type { EvaluationReport, SampleReport } from './report.ts';
import type { VariantSummary } from './summarise.ts';

/** What each variant is, in a line. */
export const VARIANT_LABEL: Readonly<Record<VariantName, string>> = {
  visible: 'visible part only',
  completed: 'completed, the first sample',
  drawn: '(masks only) one sample: mean over the four',
  best3: 'completed, best of 3 (by the true mask)',
  vote: 'completed, majority vote of 4',
  whole: 'true whole picture (upper bound)',
  hull: 'convex hull of the visible mask',
  inflated: 'inflated silhouette of the visible part',
  inflatedWhole: 'inflated silhouette of the true whole',
  trueDepth: 'true whole with true front and back depth',
  trueViews: 'true 16 views (bound of surface fit and mesh)',
};

export const figure = (value: number | null | undefined, digits = 4): string =>
  value === null || value === undefined ? '-' : value.toFixed(digits);

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map((_, k) => (k === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n');
}

/** report.md */
export function reportMarkdown(report: EvaluationReport): string {
  const { summary, samples, byBand, options, skipped } = report;
  const measured = VARIANTS.filter((name) => summary[name]);
  const of = (name: VariantName): VariantSummary => summary[name]!;
  const main = table(
    ['', 'CD', 'IoU', 'PSNR', 'SSIM', 'mask IoU', 'pooled', 'failed'],
    measured.map((name) => {
      const s = of(name);
      return [
        VARIANT_LABEL[name],
        figure(s.chamfer),
        figure(s.iou),
        figure(s.psnr, 2),
        figure(s.ssim, 3),
        figure(s.maskIou, 3),
        figure(s.maskIouPooled, 3),
        String(s.failed),
      ];
    }),
  );
  const solid = measured.filter((name) => of(name).placed);
  const frames = table(
    ['', 'as it comes', 'by parity', 'placed in the photo', 'rigid alignment', 'with scale'],
    solid.map((name) => {
      const s = of(name);
      const pair = (score: { chamfer: number; iou: number } | null) => `${figure(score?.chamfer)} / ${figure(score?.iou, 3)}`;
      return [
        VARIANT_LABEL[name],
        pair({ chamfer: s.chamfer!, iou: s.iou! }),
        figure(s.parityIou, 3),
        pair(s.placed),
        pair(s.aligned),
        pair(s.scaled),
      ];
    }),
  );
  const bands = (pick: (s: VariantSummary) => number | null, digits: number, names: readonly VariantName[]) =>
    table(
      ['', ...byBand.map(({ band, samples: n }) => `${band.map((share) => 100 * share).join('-')} % (${n})`), 'all'],
      names.map((name) => [
        VARIANT_LABEL[name],
        ...byBand.map(({ summary: inBand }) => figure(inBand[name] ? pick(inBand[name]) : null, digits)),
        figure(pick(of(name)), digits),
      ]),
    );
  const worst = worstSamples(samples);
  return `# Evaluation

${samples.length} samples of ${new Set(samples.map(({ object }) => object.id)).size} objects, seed ${options.seed}, surface fit \`${options.preset}\`, views \`${options.views}\`. Elevation is given to the views stage.
CD: Chamfer distance, IoU: volumetric, both with the object's longest side at 1, as the reconstruction comes (known orientation, own box). What each figure is: docs/evaluation.md.

${main}

## Ratios that the work is steered by

${table(['', 'CD', 'IoU'], ratios(summary))}

## Shape in other frames

CD / IoU.

${frames}

## Amodal mask IoU by hidden share (samples)

${bands(
  (s) => s.maskIou,
  3,
  measured.filter((name) => of(name).maskIou !== null),
)}

## Volumetric IoU by hidden share (samples)

${bands((s) => s.iou, 3, solid)}

## The ten worst

By the completed object's volumetric IoU; hints by rule from the numbers.

${worst.length > 0 ? table(['sample', 'hidden', 'IoU', 'CD', 'mask IoU', 'hints'], worst) : 'Not measured.'}

## Published figures, on other data

Google Scanned Objects and diffusion models of about a billion parameters: for orientation, not for comparison.

${table(
  ['', 'CD', 'IoU', 'PSNR', 'SSIM'],
  PUBLISHED.map(({ label, chamfer, iou, psnr, ssim }) => [label, figure(chamfer), figure(iou), figure(psnr, 3), figure(ssim)]),
)}
${skipped.length > 0 ? `\n## Left out\n\n${skipped.map(({ what, reason }) => `- ${what}: ${reason}`).join('\n')}\n` : ''}`;
}

function ratios(summary: EvaluationReport['summary']): string[][] {
  const compare = (label: string, a: VariantName, b: VariantName): string[] => {
    const [x, y] = [summary[a], summary[b]];
    const ratio = (p: number | null | undefined, q: number | null | undefined) => (p && q ? figure(p / q, 2) : '-');
    return [label, ratio(x?.chamfer, y?.chamfer), ratio(x?.iou, y?.iou)];
  };
  return [
    compare('completed / visible (to reach: CD at most 0.75, IoU at least 1.5)', 'completed', 'visible'),
    compare('completed / inflated (to reach: CD below 1, IoU above 1)', 'completed', 'inflated'),
    compare('completed / whole (to reach: CD at most 1.5)', 'completed', 'whole'),
    compare('whole / inflated whole (what learned depth adds)', 'whole', 'inflatedWhole'),
    compare('whole / true depth (what is missing from depth)', 'whole', 'trueDepth'),
    compare('true depth / true views (what is missing from two layers)', 'trueDepth', 'trueViews'),
  ].filter(([, ...figures]) => figures.some((text) => text !== '-'));
}

/** Rows of the ten samples whose completed object fits worst. */
function worstSamples(samples: readonly SampleReport[]): string[][] {
  return worstFirst(samples)
    .slice(0, 10)
    .map(({ id, hidden, variants, reasons }) => [
      id,
      `${Math.round(100 * hidden)} %`,
      figure(variants.completed!.solid!.iou, 3),
      figure(variants.completed!.solid!.chamfer),
      figure(variants.completed!.mask.iou, 3),
      reasons.slice(0, 2).join('; '),
    ]);
}

export function worstFirst(samples: readonly SampleReport[]): SampleReport[] {
  return samples
    .filter(({ variants }) => variants.completed?.solid)
    .sort((a, b) => a.variants.completed!.solid!.iou - b.variants.completed!.solid!.iou);
}
