import { createImage, type Image, type RgbImage, resample } from '@gestalt3d/core';
import { drawText, textHeight, textWidth } from './font.ts';

export interface SheetRow {
  title: string;
  images: { image: Image; caption?: string }[];
}

export interface SheetOptions {
  /** Longest side of a tile in pixels; pictures are scaled to it. */
  tile: number;
  gap: number;
  /** Pixels per dot of the font. */
  fontScale: number;
  background: readonly [number, number, number];
  /** Line above everything. */
  title?: string;
}

export const SHEET_DEFAULTS: Readonly<SheetOptions> = { tile: 192, gap: 8, fontScale: 2, background: [247, 247, 245] };

const INK = [34, 36, 40] as const;
const FAINT = [110, 114, 120] as const;

/** Rows of captioned pictures on a light page; transparent ones lie on a faint checkerboard. */
export function makeContactSheet(rows: readonly SheetRow[], options: Partial<SheetOptions> = {}): RgbImage {
  const { tile, gap, fontScale, background, title } = { ...SHEET_DEFAULTS, ...options };
  const line = textHeight(fontScale) + gap;
  // captions at the titles' size where they fit their tile
  const longest = Math.max(0, ...rows.flatMap((row) => row.images.map(({ caption }) => caption?.length ?? 0)));
  const captionScale = textWidth('x'.repeat(longest), fontScale) <= tile ? fontScale : Math.max(1, fontScale - 1);
  const captionLine = textHeight(captionScale) + gap / 2;
  const tiles = rows.map((row) => row.images.map(({ image }) => fit(image, tile)));
  const heights = rows.map((row, r) => ({
    title: row.title ? line : 0,
    tiles: tiles[r].reduce((high, one) => Math.max(high, one.height), 0),
    caption: row.images.some(({ caption }) => caption) ? captionLine : 0,
  }));
  const width = Math.max(
    gap * 2 + (title ? textWidth(title, fontScale + 1) : 0),
    ...rows.map((row, r) => Math.max(gap * 2 + textWidth(row.title, fontScale), gap + tiles[r].length * (tile + gap))),
    gap * 2 + 1,
  );
  const top = gap + (title ? textHeight(fontScale + 1) + gap : 0);
  const height = heights.reduce((sum, h) => sum + h.title + h.tiles + h.caption + gap, top);
  const page = createImage(Math.ceil(width), Math.ceil(height), 3);
  for (let i = 0; i < page.data.length; i++) page.data[i] = background[i % 3];
  if (title) drawText(page, title, gap, gap, INK, fontScale + 1);
  let y = top;
  rows.forEach((row, r) => {
    if (row.title) drawText(page, row.title, gap, y, INK, fontScale);
    y += heights[r].title;
    tiles[r].forEach((picture, i) => {
      const x = gap + i * (tile + gap);
      paste(page, picture, x + Math.floor((tile - picture.width) / 2), y + heights[r].tiles - picture.height);
      const caption = row.images[i].caption;
      if (caption)
        drawText(page, caption.slice(0, Math.floor(tile / (6 * captionScale))), x, y + heights[r].tiles + gap / 2, FAINT, captionScale);
    });
    y += heights[r].tiles + heights[r].caption + gap;
  });
  return page;
}

function fit(image: Image, side: number): Image {
  const scale = side / Math.max(image.width, image.height, 1);
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  return width === image.width && height === image.height ? image : resample(image, width, height);
}

/** Copies any image into an RGB one, transparent pixels over a faint checkerboard. */
function paste(page: RgbImage, image: Image, left: number, top: number): void {
  const { channels, data } = image;
  for (let y = 0; y < image.height; y++)
    for (let x = 0; x < image.width; x++) {
      const from = (y * image.width + x) * channels;
      const to = ((top + y) * page.width + left + x) * 3;
      const alpha = channels === 4 ? data[from + 3] / 255 : 1;
      const board = ((x >> 3) + (y >> 3)) % 2 === 0 ? 255 : 236;
      for (let c = 0; c < 3; c++) page.data[to + c] = Math.round(data[from + (channels === 1 ? 0 : c)] * alpha + board * (1 - alpha));
    }
}
