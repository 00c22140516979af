import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { readSettings } from '../settings/settings.ts'

/** `period` names the time, and the budgets in it: with other budgets the books begin anew. */
export type LocalBudget = { period: string; left: number }

type Used = { day: string; today: string; month: string; todaySettled: string; monthSettled: string }

/**
 * What a person's own tools may still use; null: no budget. Requests under way count with all that is reserved for them, but
 * only what is over refuses, with `budget-used-up`: the gateway, which waits for those, decides on the rest.
 */
export async function localBudgetOf(db: Executor, userId: string): Promise<LocalBudget | null> {
  const { localDailyTokens: daily, localMonthlyTokens: monthly } = await readSettings(db)
  if (daily === null && monthly === null) return null
  const used = await usedBy(db, userId)
  assertLeft('daily', daily, Number(used.todaySettled))
  assertLeft('monthly', monthly, Number(used.monthSettled))
  const left = Math.min((daily ?? Infinity) - Number(used.today), (monthly ?? Infinity) - Number(used.month))
  return { period: [used.day, daily, monthly].join(' '), left: Math.max(0, left) }
}

function assertLeft(which: 'daily' | 'monthly', limit: number | null, used: number): void {
  if (limit === null || used < limit) return
  throw new DrydockError(
    'budget-used-up',
    `Cannot ask the model: your ${which} budget of ${limit} tokens is used up. It is renewed with the next ${which === 'daily' ? 'day' : 'month'} (UTC); an administrator can raise it`,
  )
}

async function usedBy(db: Executor, userId: string): Promise<Used> {
  const [row] = await db.execute<Used>(sql`
    with now as (select date_trunc('day', now() at time zone 'utc') as day)
    select to_char(max(now.day), 'YYYY-MM-DD') as day,
      coalesce(sum(tokens) filter (where is_today), 0) as today, coalesce(sum(tokens), 0) as month,
      coalesce(sum(tokens) filter (where is_today and is_settled), 0) as "todaySettled",
      coalesce(sum(tokens) filter (where is_settled), 0) as "monthSettled"
    from now left join lateral (
      select u.input_tokens + u.output_tokens as tokens, u.ms is not null as is_settled,
        u.at >= now.day at time zone 'utc' as is_today
      from model_usage u
      where u.user_id = ${userId} and u.product = 'local' and u.at >= date_trunc('month', now.day) at time zone 'utc'
    ) u on true`)
  if (row === undefined) throw new Error('a sum has no row')
  return row
}
