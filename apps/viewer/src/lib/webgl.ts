/** Who draws here: a GPU, the CPU in its place (slowly), or nobody. */
export type WebGl = 'gpu' | 'software' | 'none';

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Can this browser draw the mesh, and how fast? */
export function webGl2(): WebGl {
  try {
    const context = document.createElement('canvas').getContext('webgl2');
    if (!context) return 'none';
    const named = context.getExtension('WEBGL_debug_renderer_info');
    const renderer = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER));
    context.getExtension('WEBGL_lose_context')?.loseContext();
    return SOFTWARE.test(renderer) ? 'software' : 'gpu';
  } catch {
    return 'none';
  }
}
