// How many meshes of a folder of GLBs are printable as they are, and after makeSolid: node packages/mesh/scripts/measure-solids.mjs [folder] [cells]
import { readdirSync, readFileSync } from 'node:fs';
import { checkSolid, makeSolid, printModel, readGlb, SOLID_DEFAULTS } from '@gestalt3d/mesh';

const [folder = 'assets/evaluation/objects', cells = String(SOLID_DEFAULTS.resolution)] = process.argv.slice(2);
const checker = (mesh, onDefect) => printModel(mesh, 100, onDefect).check;
const count = { meshes: 0, soundBefore: 0, printable: 0, kept: 0, united: 0, rebuilt: 0, refused: 0 };
for (const name of readdirSync(folder).filter((file) => file.endsWith('.glb'))) {
  const { positions, indices } = await readGlb(readFileSync(`${folder}/${name}`));
  const before = checkSolid({ positions, indices });
  const start = process.cpuUsage().user;
  let said;
  try {
    const { how, check, lost } = await makeSolid({ positions, indices }, { ...SOLID_DEFAULTS, resolution: Number(cells), checker });
    count[how]++;
    if (check.sound) count.printable++;
    said = `${how}, ${check.triangles} triangles, ${check.problems.join(', ') || 'sound'}, lost ${(lost * 100).toFixed(2)} %`;
  } catch (error) {
    count.refused++;
    said = error.message;
  }
  count.meshes++;
  if (before.sound) count.soundBefore++;
  console.log(
    `${name}: ${before.triangles} triangles, ${before.problems.join(', ') || 'sound'} -> ${said}, ${((process.cpuUsage().user - start) / 1e6).toFixed(1)} CPU s`,
  );
}
console.log(JSON.stringify(count));
