import type { Call, Caller } from './client.ts'

/** Calls whose answer is a JSON document. */
export const jsonCaller =
  (call: Caller, signal: AbortSignal) =>
  async <T>(request: Call): Promise<T> =>
    (await (await call(request, signal)).json()) as T
