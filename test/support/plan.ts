import { sql } from 'drizzle-orm'
import type { SQLWrapper } from 'drizzle-orm'
import { expect } from 'vitest'
import type { Db } from '../../domain/db.ts'

export type PlanNode = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: PlanNode[]
}

/** Runs a statement and gives the nodes of its plan. */
export async function planOf(db: Db, statement: SQLWrapper): Promise<PlanNode[]> {
  const rows = await db.execute<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    sql`explain (analyze, format json) ${statement}`,
  )
  return nodesOf(rows[0]?.['QUERY PLAN'][0].Plan ?? expect.unreachable())
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}
