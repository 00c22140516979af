import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'
import { DrydockError } from '../../domain/errors.ts'
import { EnvironmentFile } from './file-schema.ts'

/** Where a repository says what its environment is to be. */
export const FILE_PATH = '.drydock/environment.yml'
const MAX_FAULTS = 20
/** The parser takes seconds for tens of thousands of levels; no honest file has so many brackets or dashes. */
const MAX_OPENINGS = 5000

/**
 * Reads the text of an environment file, which anybody who may push wrote. Rejects with `environment-file-invalid`, which
 * names every fault with its line and column. Aliases are refused: a few of them can stand for gigabytes.
 */
export function readEnvironmentFile(text: string): EnvironmentFile {
  if ((text.match(/[[{]|[-?:](?=\s)/g) ?? []).length > MAX_OPENINGS) throw invalid(['1:1: it has too many parts'])
  const lines = new LineCounter()
  const document = parse(text, lines)
  // A warning is of a tag that nobody knows, whose value would be taken as plain text.
  const broken = [...document.errors, ...document.warnings]
  if (broken.length > 0) {
    throw invalid(broken.map(({ pos, message }) => `${place(lines, pos[0])}: ${firstLine(message)}`))
  }
  const parsed = EnvironmentFile.safeParse(valueOf(document))
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.flatMap((issue) => faultsOf(issue, { document, lines })))
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter, schema: 'core', prettyErrors: false })
  } catch (error) {
    // What is nested too deeply for the parser ends in its stack, not in its list of errors.
    throw invalid([`1:1: ${firstLine(error instanceof Error ? error.message : String(error))}`])
  }
}

function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? {}
  } catch {
    throw invalid(['1:1: anchors and aliases cannot be used here'])
  }
}

type Read = { document: Document.Parsed; lines: LineCounter }

function faultsOf(issue: z.core.$ZodIssue, { document, lines }: Read): string[] {
  const path = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys') {
    return [`${place(lines, offsetOf(document, path))}: ${path.join('.') || 'the file'}: ${issue.message}`]
  }
  return issue.keys.map((key) => {
    const name = [...path, key].join('.')
    return `${place(lines, offsetOf(document, [...path, key]))}: ${name}: there is no such setting`
  })
}

/** Where the value at a path begins; for one that is absent, where what should hold it begins. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  const parent = path.length === 0 ? document.contents : document.getIn(path.slice(0, -1), true)
  const key = path.at(-1)
  if (key !== undefined && isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0
  }
  const node = path.length === 0 ? parent : document.getIn(path, true)
  if (isNode(node)) return node.range?.[0] ?? 0
  return path.length === 0 ? 0 : offsetOf(document, path.slice(0, -1))
}

function place(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${Math.max(1, line)}:${Math.max(1, col)}`
}

const firstLine = (message: string) => message.split('\n', 1)[0] ?? ''

function invalid(faults: readonly string[]): DrydockError {
  const named = faults.slice(0, MAX_FAULTS).map((fault) => `${FILE_PATH}:${fault}`)
  const more = faults.length > MAX_FAULTS ? ` (and ${faults.length - MAX_FAULTS} more)` : ''
  return new DrydockError('environment-file-invalid', `Cannot read the environment file: ${named.join('; ')}${more}`)
}
