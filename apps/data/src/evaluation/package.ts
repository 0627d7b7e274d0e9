import type { PinnedPackage } from '../packages.ts';

/** The catalogue inside Sweet Home 3D itself. Objects of it measure models; none is ever trained on. */
export const EVALUATION_PACKAGE = {
  kind: 'debian',
  name: 'sweethome3d',
  version: '7.0.2+dfsg-3',
  sha256: '54bce4394ae763da1ffccff8f025565ce7161dc6934371e07480034ef155c411',
  poolPath: 'pool/main/s/sweethome3d/sweethome3d_7.0.2+dfsg-3_all.deb',
} as const satisfies PinnedPackage;
