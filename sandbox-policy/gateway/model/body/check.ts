// A body is not judged and then forwarded: it is built anew from what a check knows. So nothing passes that no check names.

import type { ModelFeature } from '../../../control.ts'
import { Refusal } from '../refusal.ts'
import type { FoundMedia } from './estimate.ts'
import { isObject } from './json.ts'

/** What one body's checks share. */
export type CheckContext = {
  readonly features: ReadonlySet<ModelFeature>
  readonly found: FoundMedia
}

/** Gives the value as it may be sent, `LEFT_OUT`, or throws Refusal. */
export type Check = (value: unknown, at: string, context: CheckContext) => unknown

/** The field is not sent. */
export const LEFT_OUT = Symbol('left out')

const MAX_NAMED = 80

export function refuse(at: string, why: string): Refusal {
  return new Refusal(403, 'body', `Drydock does not pass "${shown(at)}" to the model's provider: ${why}.`)
}

export const text: Check = (value, at) => {
  if (typeof value !== 'string') throw refuse(at, 'it is no text')
  return value
}

/** Text that the provider reads as a name or an id; long ones are no such thing. */
export const label: Check = (value, at) => {
  if (typeof value !== 'string' || value.length > 1024) throw refuse(at, 'it is no short text')
  return value
}

export const flag: Check = (value, at) => {
  if (typeof value !== 'boolean') throw refuse(at, 'it is neither true nor false')
  return value
}

export const number: Check = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse(at, 'it is no number')
  return value
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || Number(value) < min || Number(value) > max) {
      throw refuse(
        at,
        max === Number.MAX_SAFE_INTEGER ? `it is no whole number from ${min}` : `it is not in ${min}–${max}`,
      )
    }
    return value
  }
}

/** Anything: for what the provider only reads as data, such as the schema of a function or the input of a call. */
export const anything: Check = (value) => value

/** Known, harmless, and of no use behind the gateway. */
export const leftOut: Check = () => LEFT_OUT

export function oneOf(...allowed: readonly (string | boolean)[]): Check {
  return (value, at) => {
    if (!allowed.some((each) => each === value)) throw refuse(at, `only ${allowed.join(', ')} is allowed`)
    return value
  }
}

export function listOf(check: Check): Check {
  return (value, at, context) => {
    if (!Array.isArray(value)) throw refuse(at, 'it is no list')
    return value.map((each: unknown, index) => {
      const checked = check(each, `${at}[${index}]`, context)
      if (checked === LEFT_OUT) throw refuse(`${at}[${index}]`, 'an element cannot be left out')
      return checked
    })
  }
}

/** Text, or a list. */
export function textOr(check: Check): Check {
  return (value, at, context) => (typeof value === 'string' ? value : check(value, at, context))
}

/**
 * An object with these fields and no others. `null` stands for "not set" in all wires: it passes where the field may be
 * sent, and is left out where it may not.
 */
export function record(fields: Readonly<Record<string, Check>>): Check {
  return (value, at, context) => {
    if (!isObject(value)) throw refuse(at, 'it is no object')
    const built: Record<string, unknown> = {}
    for (const [name, given] of Object.entries(value)) {
      const where = at === '' ? name : `${at}.${name}`
      const check = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (check === undefined) throw refuse(where, 'it is a field that Drydock does not know')
      if (given === null && GATED.has(check)) continue
      const checked = given === null ? null : check(given, where, context)
      if (checked !== LEFT_OUT) built[name] = checked
    }
    return built
  }
}

/** By the value of a field, `type` in most places. `otherwise` says what a type that is not listed needs. */
export function tagged(
  field: string,
  kinds: Readonly<Record<string, Check>>,
  otherwise: (kind: string) => Check | undefined = () => undefined,
): Check {
  return (value, at, context) => {
    if (!isObject(value)) throw refuse(at, 'it is no object')
    const kind = value[field]
    if (typeof kind !== 'string') throw refuse(at, `it has no "${field}"`)
    const check = Object.hasOwn(kinds, kind) ? kinds[kind] : otherwise(kind)
    if (check === undefined) throw refuse(at, `"${shown(kind)}" is a ${field} that Drydock does not know`)
    return check(value, at, context)
  }
}

const GATED = new WeakSet<Check>()

/** Only where an administrator has opened the feature in the provider's setting (R12). */
export function feature(name: ModelFeature, check: Check = anything): Check {
  const gated: Check = (value, at, context) => {
    if (!context.features.has(name)) {
      throw refuse(at, `the feature "${name}" is not allowed for this model; an administrator can allow it`)
    }
    return check(value, at, context)
  }
  GATED.add(gated)
  return gated
}

/** Never sent, whatever is opened. */
export function never(why: string): Check {
  const check: Check = (_value, at) => {
    throw refuse(at, why)
  }
  GATED.add(check)
  return check
}

/** A switch that may be given as off by anyone. */
export function offUnless(name: ModelFeature): Check {
  const opened = feature(name, flag)
  return (value, at, context) => (value === false ? false : opened(value, at, context))
}

function shown(text: string): string {
  return text.length <= MAX_NAMED ? text : `${text.slice(0, MAX_NAMED)}…`
}
