import type { AttemptJson } from '../api/schemas/task.ts'
import { say, styleOf } from './context.ts'
import type { CliContext } from './context.ts'
import { neutralise, neutraliseLine } from './terminal.ts'
import type { Look, Style } from './terminal.ts'

const LOOKS: readonly (readonly [RegExp, Look])[] = [
  [/^(diff |index |new file|deleted file|old mode|new mode|rename |similarity |--- |\+\+\+ )/, 'bold'],
  [/^@@/, 'cyan'],
  [/^\+/, 'green'],
  [/^-/, 'red'],
]

/** A patch for a terminal: coloured, and without anything that a terminal would obey. */
export function colourPatch(patch: Uint8Array, style: Style): string {
  return neutralise(new TextDecoder().decode(patch))
    .split('\n')
    .map((line) => {
      const look = LOOKS.find(([pattern]) => pattern.test(line))?.[1]
      return look === undefined ? line : style(look, line)
    })
    .join('\n')
}

/** A patch in JSON: as text where that loses nothing, else in base64. */
export function patchJson(patch: Uint8Array): { encoding: 'utf-8' | 'base64'; patch: string } {
  try {
    return { encoding: 'utf-8', patch: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(patch) }
  } catch {
    return { encoding: 'base64', patch: Buffer.from(patch).toString('base64') }
  }
}

/** Names the files that other machines run by themselves (R2). */
export function warnFlagged({ flagged }: Pick<AttemptJson, 'flagged'>, context: CliContext): void {
  const style = styleOf(context, context.err)
  for (const { path, why } of flagged) {
    say(context, style('yellow', `! ${neutraliseLine(path)}: ${neutraliseLine(why)}`))
  }
}
