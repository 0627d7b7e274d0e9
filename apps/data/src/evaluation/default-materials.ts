/**
 * The catalogue's models name materials that live in no file: Sweet Home 3D keeps their definitions as one text inside its OBJ reader's class.
 * @param classFile bytes of com/eteks/sweethome3d/j3d/OBJLoader.class
 * @returns the text, in Wavefront .mtl syntax; empty where the class holds none
 */
export function findDefaultMaterials(classFile: Uint8Array): string {
  const bytes = Buffer.from(classFile.buffer, classFile.byteOffset, classFile.byteLength);
  const start = bytes.indexOf('newmtl amber\n');
  // a CONSTANT_Utf8 of the class file format: one byte of tag (1), two of length, then the text
  if (start < 3 || bytes[start - 3] !== 1) return '';
  return bytes.toString('utf8', start, start + bytes.readUInt16BE(start - 2));
}
