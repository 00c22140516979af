import type { Context } from 'hono'
import { z } from '@hono/zod-openapi'
import { STATUS, problemOf } from '../errors.ts'

export const CodexErrorSchema = z.object({ detail: z.string(), code: z.string() }).openapi('CodexError')

/** The answers that every route of this interface can give beside its own. */
export const codexErrors = {
  default: {
    description: 'What went wrong, in one sentence',
    content: { 'application/json': { schema: CodexErrorSchema } },
  },
} as const

/**
 * Answers with an error as the Codex CLI shows it best: it prints the body as it is, after method, URL and status. So the
 * body is short, begins with the sentence, and the sentence has no quotes that JSON would escape.
 */
export function respondWithDetail(c: Context, error: unknown): Response {
  const { status, code, detail } = problemOf(error)
  if (status === 401) c.header('www-authenticate', 'Bearer')
  return c.json({ detail: detail.replaceAll('"', "'"), code }, STATUS[code])
}
