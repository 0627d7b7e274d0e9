import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { StepMissingError } from './errors.ts';
import { writeAtomically } from './files.ts';
import { readZip } from './zip.ts';

const PAGE = { r: 120, g: 150, b: 120 };
const ROW = 64;

/** A picture of a pack, laid over a plain colour at a height of ROW pixels a row of tiles. */
async function overPage(webp: Uint8Array, rows: number): Promise<{ data: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(webp)
    .ensureAlpha()
    .resize({ height: rows * ROW })
    .flatten({ background: PAGE })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/**
 * Contact sheets of the packs in a folder: `preview-views.png`, a row an object with its inputs, what lies behind, depths and the rig;
 * `preview-cutouts.png`, sheets of complete.pack spread over the whole.
 * @param count objects and sheets at most
 * @returns the files
 * @throws StepMissingError where there is no pack
 */
export async function makePreview(out: string, count: number): Promise<string[]> {
  const open = async (name: string) => {
    const bytes = await readFile(join(out, name)).catch(() => {
      throw new StepMissingError(name, out, 'pack');
    });
    const files = readZip(bytes);
    return { files, index: JSON.parse(Buffer.from(files.get('pack.json')!).toString('utf8')) };
  };
  const views = await open('views.pack');
  const complete = await open('complete.pack');
  const rows: Promise<Picture[]>[] = spread(views.index.objects.length, count).map(async (k) => {
    const names = ['inputs', 'back', 'depth'];
    const inputs = await Promise.all(names.map((name) => overPage(views.files.get(`${k}/${name}.webp`)!, 1)));
    // the rig's four rows in one line
    const rig = views.files.get(`${k}/rig.webp`)!;
    const side = views.index.rigPixels;
    const parts = await Promise.all(
      [0, 1, 2, 3].map(async (row) =>
        overPage(
          await sharp(rig)
            .extract({ left: 0, top: row * side, width: 4 * side, height: side })
            .png()
            .toBuffer(),
          1,
        ),
      ),
    );
    return [...inputs, ...parts];
  });
  const cutouts = spread(complete.index.cutouts.length, count).map(async (k) => {
    const { file, columns, tiles } = complete.index.cutouts[k];
    return [await overPage(complete.files.get(file)!, Math.ceil(tiles.length / columns))];
  });
  const backgrounds = spread(complete.index.backgrounds.length, 4).map(async (k) => {
    const { file, columns, splits } = complete.index.backgrounds[k];
    return [await overPage(complete.files.get(file)!, Math.ceil(splits.length / columns))];
  });
  return [
    await writeSheet(join(out, 'preview-views.png'), await Promise.all(rows)),
    await writeSheet(join(out, 'preview-cutouts.png'), wrap((await Promise.all([...cutouts, ...backgrounds])).flat())),
  ];
}

interface Picture {
  data: Buffer;
  width: number;
  height: number;
}

/** Indices spread evenly over a list. */
function spread(length: number, count: number): number[] {
  const n = Math.min(length, count);
  return Array.from({ length: n }, (_, i) => Math.floor((i * length) / n));
}

/** Pictures of one height side by side, as many as fit. */
function wrap(pictures: readonly Picture[]): Picture[][] {
  const rows: Picture[][] = [];
  let width = 0;
  for (const picture of [...pictures].sort((a, b) => a.height - b.height)) {
    const row = rows.at(-1);
    if (row && row[0]!.height === picture.height && width + picture.width <= 26 * ROW) row.push(picture);
    else {
      rows.push([picture]);
      width = 0;
    }
    width += picture.width;
  }
  return rows;
}

async function writeSheet(path: string, rows: readonly (readonly Picture[])[]): Promise<string> {
  const layers: { input: Buffer; left: number; top: number }[] = [];
  let [width, top] = [0, 0];
  for (const row of rows) {
    let left = 0;
    for (const picture of row) {
      layers.push({ input: picture.data, left, top });
      left += picture.width;
    }
    width = Math.max(width, left);
    top += row[0]!.height;
  }
  const page = sharp({ create: { width, height: top, channels: 3, background: PAGE } });
  await writeAtomically(path, await page.composite(layers).png().toBuffer());
  return path;
}
