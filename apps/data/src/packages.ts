/** A published package, pinned to one file. */
export interface PinnedPackage {
  kind: 'debian' | 'npm';
  name: string;
  version: string;
  /** Of the .deb or .tgz file. */
  sha256: string;
  /** Path below a Debian mirror's root. */
  poolPath?: string;
}

/** What the training sets are made of. The evaluation's package is deliberately not here: see evaluation/package.ts. */
export const TRAINING_PACKAGES = {
  furniture: {
    kind: 'debian',
    name: 'sweethome3d-furniture',
    version: '1.8-1',
    sha256: '3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668',
    poolPath: 'pool/main/s/sweethome3d-furniture/sweethome3d-furniture_1.8-1_all.deb',
  },
  emoji: {
    kind: 'npm',
    name: '@lobehub/fluent-emoji-3d',
    version: '1.1.0',
    sha256: 'c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58',
  },
  emojiNames: {
    kind: 'npm',
    name: 'unicode-emoji-json',
    version: '0.9.0',
    sha256: 'ae7efacb55533385bf8767d613dbd36c71226669759d95919a6e9059f5e4c401',
  },
  environments: {
    kind: 'npm',
    name: '@pmndrs/assets',
    version: '1.7.0',
    sha256: '152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc',
  },
} as const satisfies Record<string, PinnedPackage>;

/** As it stands in manifests: `npm package @pmndrs/assets 1.7.0`. */
export function describePackage({ kind, name, version }: PinnedPackage): string {
  return `${kind === 'debian' ? 'Debian' : 'npm'} package ${name} ${version}`;
}

/** Name of the file that `apt-get download` or `npm pack` writes. */
export function packageFile({ kind, name, version }: PinnedPackage): string {
  return kind === 'debian' ? `${name}_${version}_all.deb` : `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
}
