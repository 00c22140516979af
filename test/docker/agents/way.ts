import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { newId } from '../../../domain/ids.ts'
import type { SandboxSpec } from '../../../runner/sandbox/sandbox.ts'
import { startMockModel } from '../../support/mock-model/server.ts'
import type { MockModel } from '../../support/mock-model/server.ts'
import { docker } from '../sandbox/harness.ts'

/** How sandboxes reach the scripted model. */
export type Way = AsyncDisposable & {
  model: MockModel
  /** What a sandbox is made with. */
  join: () => Pick<SandboxSpec, 'network'>
}

/**
 * The shortest way: a network without a way out, on whose only other machine, this one, the model listens under the name
 * that the gateway has for it. Needs root, for ports 53 and 80.
 */
export async function directWay(): Promise<Way> {
  const { network, host } = await isolatedNetwork()
  const model = await startMockModel({ host, port: 80 })
  const dns = await answerWith(host)
  let last = 1
  return {
    model,
    join: () => ({ network: { network, address: host.replace(/\d+$/, String(++last)), dns: host } }),
    async [Symbol.asyncDispose]() {
      dns.close()
      await model[Symbol.asyncDispose]()
      await docker('network', 'rm', network)
    },
  }
}

/** Only a network of a known range lets its machines choose their addresses. */
async function isolatedNetwork(tries = 20): Promise<{ network: string; host: string }> {
  const network = `drydock-test-${newId()}`
  const range = `10.214.${randomInt(256)}`
  try {
    await docker('network', 'create', '--internal', '--subnet', `${range}.0/24`, network)
    return { network, host: `${range}.1` }
  } catch (error) {
    // Another test may have it.
    if (tries === 0) throw error
    return isolatedNetwork(tries - 1)
  }
}

/** Answers every question for an IPv4 address with the one address, and all others with nothing. */
async function answerWith(address: string): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5
    const isAddress = query.readUInt16BE(end - 4) === 1
    const head = Buffer.from([0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0])
    const answer = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])
    const parts = [query.subarray(0, 2), head, query.subarray(12, end), ...(isAddress ? [answer] : [])]
    socket.send(Buffer.concat(parts), from.port, from.address)
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  return socket
}
