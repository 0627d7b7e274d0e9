import { afterEach, expect, it, vi } from 'vitest';
import { ApiError, api } from './client.ts';

afterEach(() => vi.unstubAllGlobals());

const answer = (body: string, init: ResponseInit): void => {
  vi.stubGlobal('fetch', async () => new Response(body, init));
};

it('turns a problem document into an error that carries it', async () => {
  answer(JSON.stringify({ title: 'Empty mask', detail: 'expected a mask', status: 422, code: 'empty-mask' }), { status: 422 });
  const error = await api.prompt('one', { points: [] }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ offline: false, message: 'expected a mask', problem: { code: 'empty-mask', title: 'Empty mask' } });
});

it('says what came when the body is no problem document', async () => {
  answer('<html>', { status: 500, statusText: 'Internal Server Error' });
  await expect(api.samples()).rejects.toMatchObject({ problem: { detail: 'The server answered 500 Internal Server Error', status: 500 } });
});

it('tells a missing server from a refusing one', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('fetch failed');
  });
  await expect(api.samples()).rejects.toMatchObject({ offline: true });
});

it('gives null for a removed job and the job for a cancelled one', async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
  expect(await api.remove('one')).toBeNull();
  answer('{"id":"one","state":"cancelled"}', { status: 200 });
  expect(await api.remove('one')).toMatchObject({ state: 'cancelled' });
});
