import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ADDRESSES } from './cases/addresses.ts'
import { CREDENTIALS } from './cases/credentials.ts'
import { DNS } from './cases/dns.ts'
import { HTTP, SMUGGLING } from './cases/http.ts'
import { NAMES } from './cases/names.ts'
import { OUTAGES } from './cases/outages.ts'
import { RESOURCES } from './cases/resources.ts'
import { TLS } from './cases/tls.ts'
import { TOPOLOGY } from './cases/topology.ts'
import { UPGRADES } from './cases/upgrades.ts'
import { IDS } from './ids.ts'

/** Tests outside of the tables. */
const OTHERS = { A20: 'outages.test.ts', B24: 'command.test.ts' }

test('every case of the corpus has at least one test, and none has an id that is not on the list', () => {
  const tables = [TOPOLOGY, NAMES, DNS, HTTP, TLS, UPGRADES, SMUGGLING, ADDRESSES, CREDENTIALS, RESOURCES, OUTAGES]
  const ids = tables.flatMap((table) => table.map(({ id }) => id))
  expect([...new Set([...ids, ...Object.keys(OTHERS)])].sort()).toEqual([...IDS].sort())
  for (const [id, file] of Object.entries(OTHERS))
    expect(readFileSync(new URL(file, import.meta.url), 'utf8')).toContain(`'${id} `)
})
