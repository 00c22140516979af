import { describe, test } from 'vitest'
import { ADDRESSES } from './cases/addresses.ts'
import { CREDENTIALS } from './cases/credentials.ts'
import { DNS } from './cases/dns.ts'
import { HTTP, SMUGGLING } from './cases/http.ts'
import { NAMES } from './cases/names.ts'
import { RESOURCES } from './cases/resources.ts'
import { TLS } from './cases/tls.ts'
import { TOPOLOGY } from './cases/topology.ts'
import { UPGRADES } from './cases/upgrades.ts'
import { check, isStory, titled } from './row.ts'
import { CAN_RUN, useCorpus } from './world.ts'

const TABLES = {
  'A topology': TOPOLOGY,
  'B names and addresses': NAMES,
  'C DNS': DNS,
  'D methods, paths, HTTP': HTTP,
  'E TLS and tunnels': TLS,
  'F HTTP/2 and upgrades': UPGRADES,
  'G smuggling': SMUGGLING,
  'H addresses': ADDRESSES,
  'I credentials': CREDENTIALS,
  'J resources, lifecycle, ledger': RESOURCES,
}

describe.skipIf(!CAN_RUN)('what a sandbox tries', () => {
  const corpus = useCorpus()

  describe.each(Object.entries(TABLES))('%s', (_, table) => {
    test.each(titled<(typeof table)[number]>(table))('%s', async (_, it) => {
      await (isStory(it) ? it.run(corpus) : check(it, corpus))
    })
  })
})
