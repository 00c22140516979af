import { z } from '@hono/zod-openapi'
import { DrydockError } from '../../domain/errors.ts'
import type { ErrorCode } from '../../domain/errors.ts'

const ID = /^[0-9a-z]{1,32}$/
const MAX_SEQ = Number.MAX_SAFE_INTEGER

/** Whether PostgreSQL can hold a text: with neither a NUL nor half of a surrogate pair in it. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Text that PostgreSQL can hold. */
export function text(maxLength: number) {
  return z.string().max(maxLength).refine(isStorable, 'must be Unicode text without NUL characters')
}

/** Text of one line that is not empty, without control characters. */
export function line(maxLength: number) {
  return text(maxLength)
    .refine((value) => value.trim() !== '', 'must not be empty')
    .refine((value) => !/\p{Cc}/u.test(value), 'must be one line without control characters')
}

/** Of variables and of secrets, which no environment has under one name. */
export const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be a name of a variable: letters, digits and "_"')
  .refine((name) => !name.startsWith('DRYDOCK_'), 'must leave names that begin with DRYDOCK_ to Drydock')

export const ImageRef = z
  .string()
  .max(500)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._\-/:@]*$/, 'must be the reference of a container image')
  // The engine has it in a path of its interface.
  .refine((ref) => !/\.\.|\/\//.test(ref), 'must be the reference of a container image')

/** A name of a git branch, by the rules of git check-ref-format. */
export const BranchName = text(255).min(1).refine(isBranchName, 'must be a valid name of a git branch')

export const IdParams = z.object({ id: z.string().max(1000) })

/** A whole number in a query or header. */
export const Seq = z.coerce.number().int().min(0).max(MAX_SEQ)

export const isId = (value: string) => ID.test(value)

/** Refuses what cannot be an identifier before the database sees it. */
export function parseId(value: string, code: ErrorCode, what: string): string {
  if (!isId(value)) throw new DrydockError(code, `Cannot find ${what}: that is not an identifier`)
  return value
}

export const ProblemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.int(), code: z.string(), detail: z.string() })
  .openapi('Problem')

/** The answers that every route can give beside its own. */
export const problems = {
  default: {
    description: 'What went wrong, in one sentence',
    content: { 'application/problem+json': { schema: ProblemSchema } },
  },
} as const

/** An answer with a JSON body, for a route's `responses`. */
export function json<S extends z.ZodType>(description: string, schema: S) {
  return { description, content: { 'application/json': { schema } } }
}

/** A JSON request body that must be there, for a route's `request`. */
export function body<S extends z.ZodType>(schema: S) {
  return { required: true, content: { 'application/json': { schema } } }
}

function isBranchName(name: string): boolean {
  const parts = name.split('/')
  return (
    !/[\s~^:?*[\\\p{Cc}]|\.\.|@\{/u.test(name) &&
    name !== '@' &&
    !name.startsWith('-') &&
    !name.endsWith('.') &&
    parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
  )
}
