/** Pixels of a picture on the server, drawn into a size. @throws when it cannot be had, or the signal aborts */
export async function readPixels(url: string, width: number, height: number, signal: AbortSignal): Promise<Uint8ClampedArray> {
  const image = new Image();
  image.src = url;
  await image.decode();
  signal.throwIfAborted();
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('expected a 2-D canvas, this browser gave none');
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
