import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'

export type GrantParts = {
  credentials: readonly string[]
  /** A provider's name; null: the defaults of all wires. */
  provider: string | null
  /** Whose brokered secrets count, too. */
  environment?: string
}

/** A text that changes whenever one of these credentials or secrets, or the provider, is set anew, changed or deleted, or other models are allowed. */
export async function grantVersions(
  db: Pick<Db, 'execute'>,
  { credentials, provider, environment }: GrantParts,
): Promise<string> {
  const [row] = await db.execute<{ versions: string }>(sql`
    select coalesce(string_agg(version, ' ' order by version), '') as versions from (
      select id || '@' || updated_at as version from credentials
      where name in (select value from jsonb_array_elements_text(${JSON.stringify(credentials)}::jsonb))
      union all
      select id || '@' || updated_at from environment_secrets
      where environment_id = ${environment ?? null}::text and kind = 'brokered'
      union all
      select id || '@' || updated_at from model_providers
      where name = ${provider}::text or (${provider}::text is null and is_default)
      union all
      select key || '@' || updated_at from settings where key = 'allowedModels'
    ) v`)
  return row?.versions ?? ''
}
