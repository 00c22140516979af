import { asc, desc, eq, gt, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { auditEntries, auditHead } from '../schema/audit.ts'
import { hasPlainNumbers, hashOf } from './chain.ts'
import { entryColumns } from './read.ts'

/** So many entries are in memory at once, and one answer is about. */
const PAGE = 2000
const PAGES = 10

export type ChainPoint = { seq: number; hash: string }
/**
 * `changed`: the entry is not what its hash says. `missing`: it is not there. `broken-link`: it follows another entry than the
 * one before it. `truncated`: entries are missing at the end. `unfinished`: entries are there that the end does not know.
 * `anchor`: what retention says that it removed is not where the chain begins. `checkpoint`: it is not the one that was noted.
 */
export type Fault = 'changed' | 'missing' | 'broken-link' | 'truncated' | 'unfinished' | 'anchor' | 'checkpoint'
export type Verdict = {
  /** The first number that is wrong, and how. */
  broken: { seq: number; why: Fault } | null
  checked: number
  /** How far it is verified. */
  last: ChainPoint
  /** Where the chain begins since retention removed what was before. */
  anchor: ChainPoint
  done: boolean
}
/** `from`: where the answer before ended. `checkpoint`: an entry that somebody noted elsewhere. */
export type VerifyOptions = { from?: ChainPoint | undefined; checkpoint?: ChainPoint | undefined }

/**
 * Follows the chain for some thousands of entries; `done` says whether to its end. Whoever can rewrite the whole table can
 * write a chain that holds: only a checkpoint that they could not reach shows that.
 */
export async function verifyAudit(db: Db, { from, checkpoint }: VerifyOptions): Promise<Verdict> {
  return db.transaction((tx) => verifyPart(tx, { from, checkpoint }), {
    // Head and entries of one moment, while others append.
    isolationLevel: 'repeatable read',
    accessMode: 'read only',
  })
}

async function verifyPart(db: Executor, { from, checkpoint }: VerifyOptions): Promise<Verdict> {
  const { head, anchor } = await readEnds(db)
  // What retention removed since the answer before needs no look.
  let last = from !== undefined && from.seq >= anchor.seq ? from : anchor
  let checked = 0
  const verdict = (broken: Verdict['broken'], done: boolean) => ({ broken, checked, last, anchor, done })
  const wrong =
    (await faultOfAnchor(db, anchor)) ?? (checkpoint && (await faultOfCheckpoint(db, { anchor, checkpoint })))
  if (wrong) return verdict(wrong, true)
  for (let page = 0; page < PAGES; page++) {
    const rows = await linksAfter(db, last.seq)
    for (const row of rows) {
      const broken = faultOf(row, last)
      if (broken) return verdict(broken, true)
      last = { seq: row.seq, hash: row.hash }
      checked++
    }
    if (rows.length < PAGE) return verdict(faultOfEnd(last, head), true)
  }
  return verdict(null, false)
}

async function readEnds(db: Executor): Promise<{ head: ChainPoint; anchor: ChainPoint }> {
  const [row] = await db
    .select({
      seq: auditHead.seq,
      hash: hex(auditHead.hash),
      anchorSeq: auditHead.anchorSeq,
      anchorHash: hex(auditHead.anchorHash),
    })
    .from(auditHead)
  if (row === undefined) throw new Error('the audit log has no head')
  return { head: { seq: row.seq, hash: row.hash }, anchor: { seq: row.anchorSeq, hash: row.anchorHash } }
}

const hex = (column: typeof auditHead.hash | typeof auditHead.anchorHash | typeof auditEntries.hash) =>
  sql<string>`encode(${column}, 'hex')`

const linkColumns = {
  ...entryColumns,
  beforeText: sql<string | null>`${auditEntries.before}::text`,
  afterText: sql<string | null>`${auditEntries.after}::text`,
}

const linksAfter = (db: Executor, after: number) =>
  db
    .select(linkColumns)
    .from(auditEntries)
    .where(gt(auditEntries.seq, after))
    .orderBy(asc(auditEntries.seq))
    .limit(PAGE)

type Row = Awaited<ReturnType<typeof linksAfter>>[number]

function faultOf({ hash, beforeText, afterText, ...link }: Row, last: ChainPoint): Verdict['broken'] {
  if (link.seq !== last.seq + 1) return { seq: last.seq + 1, why: 'missing' }
  const isWhole = [beforeText, afterText].every((text) => text === null || (text !== 'null' && hasPlainNumbers(text)))
  if (!isWhole || hashOf(link) !== hash) return { seq: link.seq, why: 'changed' }
  return link.previousHash === last.hash ? null : { seq: link.seq, why: 'broken-link' }
}

function faultOfEnd(last: ChainPoint, head: ChainPoint): Verdict['broken'] {
  if (last.seq < head.seq) return { seq: last.seq + 1, why: 'truncated' }
  if (last.seq > head.seq) return { seq: head.seq + 1, why: 'unfinished' }
  return last.hash === head.hash ? null : { seq: last.seq, why: 'changed' }
}

/** Every removal by retention is an entry, which says up to where. */
async function faultOfAnchor(db: Executor, anchor: ChainPoint): Promise<Verdict['broken']> {
  const [pruned] = await db
    .select({ after: auditEntries.after })
    .from(auditEntries)
    .where(eq(auditEntries.action, 'audit.prune'))
    .orderBy(desc(auditEntries.seq))
    .limit(1)
  const told = pruned?.after as { seq?: unknown; hash?: unknown } | undefined
  const isTold = told === undefined ? anchor.seq === 0 : told.seq === anchor.seq && told.hash === anchor.hash
  return isTold ? null : { seq: anchor.seq + 1, why: 'anchor' }
}

type Noted = { anchor: ChainPoint; checkpoint: ChainPoint }

async function faultOfCheckpoint(db: Executor, { anchor, checkpoint }: Noted): Promise<Verdict['broken']> {
  const [row] = await db
    .select({ hash: hex(auditEntries.hash) })
    .from(auditEntries)
    .where(eq(auditEntries.seq, checkpoint.seq))
  const hash = checkpoint.seq === anchor.seq ? anchor.hash : row?.hash
  return hash === checkpoint.hash ? null : { seq: checkpoint.seq, why: 'checkpoint' }
}
