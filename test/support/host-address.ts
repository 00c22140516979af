import { networkInterfaces } from 'node:os'

/** An address of this machine that a rule with `internal` may open: neither loopback nor one of the engine's bridges. */
export function hostAddress(): string {
  const found = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    /^(lo|docker|br-|veth)/.test(name)
      ? []
      : addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  )
  if (found[0] === undefined) throw new Error('Cannot run this test: the machine has no address but loopback')
  return found[0]
}
