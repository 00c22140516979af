import { setImmediate as turn } from 'node:timers/promises'
import type { FlaggedPath } from '../../domain/tasks/attempt.ts'
import { secretForms, tokensOf } from '../../sandbox-policy/secret-forms.ts'
import { LEAST_SECRET } from './mask.ts'

const FILE = '\ndiff --git '
const HUNK = '\n@@ '
const LF = 0x0a
const ADDED = 0x2b
const MAX_LINES = 200
const CONTAINS = 'contains the value of secret'

export type NamedValue = { name: string; value: string }

/** Whether a file is flagged for a secret: then nothing is published without a person's word, whatever the environment says. */
export const holdsSecret = ({ why }: FlaggedPath): boolean => why.startsWith(CONTAINS)

/** The files of a patch whose added lines hold a secret. A patch is shown as it is: people must see what they publish. */
export async function secretsInPatch(patch: Buffer, secrets: readonly NamedValue[]): Promise<FlaggedPath[]> {
  const found: FlaggedPath[] = []
  for (const { name, value } of secrets) {
    const forms = formsOf(value).filter((form) => patch.includes(form))
    for (const file of forms.length === 0 ? [] : filesOf(patch)) {
      if (forms.some((form) => adds(file, form))) found.push({ path: pathOf(file), why: `${CONTAINS} ${name}` })
    }
    // Patches are large: other attempts get their turn.
    await turn()
  }
  return found
}

/** Of a value of many lines each line counts: no line of a patch holds all of it. */
function formsOf(value: string): Buffer[] {
  const lines = value.split(/\r?\n/, MAX_LINES).map((line) => line.trim())
  const whole = tokensOf(value).filter((token) => token.length >= LEAST_SECRET)
  const forms = [...whole.flatMap(secretForms), ...lines]
  return [...new Set(forms)]
    .filter((form) => form.length >= LEAST_SECRET && !/[\r\n]/.test(form))
    .map((form) => Buffer.from(form))
}

/** No line of a file's contents begins like the head of the next file: each has a sign before it. */
function filesOf(patch: Buffer): Buffer[] {
  const files: Buffer[] = []
  for (let from = 0; from < patch.length;) {
    const next = patch.indexOf(FILE, from + 1)
    const end = next === -1 ? patch.length : next
    files.push(patch.subarray(from, end))
    from = end
  }
  return files
}

function adds(file: Buffer, form: Buffer): boolean {
  // Lines of a head begin with `+++`, too.
  let at = file.indexOf(form, Math.max(0, file.indexOf(HUNK)))
  while (at !== -1) {
    if (file[file.lastIndexOf(LF, at) + 1] === ADDED) return true
    const end = file.indexOf(LF, at)
    at = end === -1 ? -1 : file.indexOf(form, end)
  }
  return false
}

function pathOf(file: Buffer): string {
  const head = file.subarray(0, Math.max(0, file.indexOf(HUNK))).toString('utf8')
  const [, quoted, plain] = /\n\+\+\+ (?:"b\/(.*)"|b\/(.*?))\t?$/m.exec(head) ?? []
  return quoted ?? plain ?? '(unknown)'
}
