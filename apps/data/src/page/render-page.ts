import type { Layout, RenderJob } from '../job.ts';
import { atlasSize, renderJob } from './render-job.ts';
import { Renderer } from './renderer.ts';

/** Renders jobs until the server has none left, or `limit` are done: browsers that live long grow. */
async function work(worker: number, layout: Layout, limit: number): Promise<void> {
  const renderer = new Renderer(...atlasSize(layout));
  for (let done = 0; done < limit; done++) {
    const job = (await (await fetch(`/next?worker=${worker}`)).json()) as RenderJob | null;
    if (!job) return;
    const query = new URLSearchParams({ worker: String(worker), index: String(job.index) });
    let body: Blob | string = '';
    try {
      const { info, bytes } = await renderJob(renderer, job, layout);
      query.set('info', JSON.stringify(info));
      body = bytes ?? '';
    } catch (error) {
      query.set('error', String(error).slice(0, 200));
    }
    await fetch(`/result?${query}`, { method: 'POST', body });
  }
}

Object.assign(globalThis, { gestaltRender: work });
