import type { Mesh } from '@gestalt3d/core';
import { zip } from './zip.ts';

const CONTENT_TYPES = `<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>
`;
const RELATIONSHIPS = `<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Target="/3D/3dmodel.model" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>
`;

/** 3MF core specification 1.3, one object, millimetres, +Z up. Coordinates are written with all their digits, so a reader gets what was checked; below 1e-6 they would need an exponent (see printModel). */
export function write3mf({ positions, indices }: Mesh): Uint8Array {
  const lines: string[] = [];
  for (let i = 0; i < positions.length; i += 3) lines.push(`<vertex x="${positions[i]}" y="${positions[i + 1]}" z="${positions[i + 2]}"/>`);
  const vertices = lines.join('\n');
  lines.length = 0;
  for (let i = 0; i < indices.length; i += 3) lines.push(`<triangle v1="${indices[i]}" v2="${indices[i + 1]}" v3="${indices[i + 2]}"/>`);
  const model = `<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xml:lang="en-US" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><metadata name="Application">Gestalt3D</metadata><resources><object id="1" type="model"><mesh><vertices>
${vertices}
</vertices><triangles>
${lines.join('\n')}
</triangles></mesh></object></resources><build><item objectid="1"/></build></model>
`;
  const text = (content: string) => new TextEncoder().encode(content);
  return zip(
    new Map([
      ['[Content_Types].xml', text(CONTENT_TYPES)],
      ['_rels/.rels', text(RELATIONSHIPS)],
      ['3D/3dmodel.model', text(model)],
    ]),
  );
}
