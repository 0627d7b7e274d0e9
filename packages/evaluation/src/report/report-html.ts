import { VARIANT_NEEDS, VARIANTS, type VariantName } from '../variants.ts';
import type { EvaluationReport, SampleReport } from './report.ts';
import { figure, VARIANT_LABEL, worstFirst } from './report-markdown.ts';

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** Pixels of the strips: twelve tiles of 96. */
const STRIP = 'width="1152" height="96"';

/** index.html: every sample's pictures, opens from disk with no other file than those beside it. */
export function reportHtml({ samples, summary, options }: EvaluationReport): string {
  const rank = new Map(worstFirst(samples).map(({ id }, k) => [id, k + 1]));
  const head = ['', 'CD', 'IoU', 'CD aligned', 'IoU aligned', 'PSNR', 'SSIM', 'mask IoU'];
  const rows = VARIANTS.flatMap((name) => {
    const s = summary[name];
    if (!s) return [];
    const cells = [s.chamfer, s.iou, s.aligned?.chamfer, s.aligned?.iou, s.psnr, s.ssim, s.maskIou];
    return `<tr><th>${VARIANT_LABEL[name]}</th>${cells.map((value, k) => `<td>${figure(value, k === 4 ? 2 : 3)}</td>`).join('')}</tr>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Gestalt3D evaluation</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: 1440px; padding: 0 16px; color: #222; background: #fff; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 500; } td, th { padding: 2px 10px 2px 0; } td { text-align: right; font-variant-numeric: tabular-nums; }
section { border-top: 1px solid #ddd; margin-top: 28px; padding-top: 4px; } h2 { font-size: 16px; margin: 10px 0 4px; } p { margin: 4px 0; color: #555; }
figure { display: inline-block; margin: 4px 8px 4px 0; vertical-align: top; } figcaption { color: #555; font-size: 12px; }
.small img { width: 144px; height: 144px; background: repeating-conic-gradient(#eee 0 25%, #fff 0 50%) 0 0 / 16px 16px; }
.strips { overflow-x: auto; } .strips img { display: block; image-rendering: auto; } .strips figcaption { margin-top: 4px; }
</style></head><body>
<h1>Evaluation: ${samples.length} samples, seed ${options.seed}, ${options.preset}</h1>
<table><tr>${head.map((text) => `<th>${text}</th>`).join('')}</tr>${rows.join('')}</table>
<p>Strips: eight of the sixteen views (azimuth 0, 45, .. 315 degrees from the photograph's camera), then the mesh from the front, its right, the back, its left.</p>
${samples.map((sample) => section(sample, rank.get(sample.id))).join('\n')}
</body></html>
`;
}

function section(sample: SampleReport, rank: number | undefined): string {
  const { id, object, hidden, occluder, camera, variants, reasons } = sample;
  const folder = `samples/${encodeURIComponent(id)}`;
  const small = (file: string, caption: string): string =>
    `<figure><img src="${folder}/${file}" loading="lazy" alt="${escapeHtml(caption)}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  const measured = VARIANTS.filter((name) => variants[name]);
  const completions = measured.some((name) => VARIANT_NEEDS[name].completions)
    ? [0, 1, 2, 3].map((k) => small(`completion-${k}.png`, `completion ${k + 1}`))
    : [];
  const strips = measured.filter((name) => variants[name]!.solid && !variants[name]!.failure).map((name) => strip(folder, name, sample));
  return `<section id="${escapeHtml(id)}"><h2>${escapeHtml(id)}: ${escapeHtml(object.name)}, ${Math.round(hidden * 100)} % hidden${rank ? `, ${rank}. worst` : ''}</h2>
<p>hidden by ${escapeHtml(occluder)}; elevation ${camera.elevationDeg.toFixed(0)} degrees, distance ${camera.distance.toFixed(2)}</p>
${reasons.length > 0 ? `<p>${reasons.map(escapeHtml).join('; ')}</p>` : ''}
<div class="small">${small('photo.png', 'photograph')}${small('modal.png', 'visible mask')}${small('truth-whole.png', 'true whole')}${completions.join('')}${
    variants.vote ? small('vote.png', 'vote') : ''
  }</div>
<div class="strips"><figure><figcaption>truth</figcaption><img src="${folder}/truth.jpg" ${STRIP} loading="lazy" alt="truth"></figure><br>${strips.join('<br>')}</div></section>`;
}

function strip(folder: string, name: VariantName, { variants }: SampleReport): string {
  const { solid, mask } = variants[name]!;
  const caption = `${VARIANT_LABEL[name]}: CD ${figure(solid!.chamfer)}, IoU ${figure(solid!.iou, 3)}; aligned ${figure(solid!.aligned.chamfer)}, ${figure(solid!.aligned.iou, 3)}; placed ${figure(solid!.placed.chamfer)}, ${figure(solid!.placed.iou, 3)}; PSNR ${figure(solid!.psnr, 2)}; mask IoU ${figure(mask.iou, 3)}`;
  return `<figure><figcaption>${caption}</figcaption><img src="${folder}/${name}.jpg" ${STRIP} loading="lazy" alt="${name}"></figure>`;
}
