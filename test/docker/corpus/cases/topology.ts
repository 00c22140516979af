import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, inject } from 'vitest'
import { gatewayName } from '../../../../runner/network/gateway-containers.ts'
import { docker, sh } from '../../sandbox/harness.ts'
import { deny, refused, type Row, type Story, like } from '../row.ts'
import type { Corpus } from '../world.ts'

const PORTS = [53, 80, 443, 3128]
const opens = (address: string, port: number) =>
  `timeout 1 bash -c '</dev/tcp/${address}/${port}' 2>/dev/null && echo 'open ${address}:${port}' || echo closed`

/** Listens on every address of this machine, and counts who came. */
async function listener(): Promise<AsyncDisposable & { port: number; came: () => number }> {
  let came = 0
  const server = createServer((socket) => {
    came += 1
    socket.on('error', () => {}).end('hello')
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    came: () => came,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

/** Every address under which this machine may be found from a container. */
const hostAddresses = ({ main, upstream }: Corpus) => {
  const own = main.network.attachment.dns.replace(/\d+$/, (last) => String(Number(last) - 5))
  return ['172.17.0.1', own, upstream.address, '127.0.0.1']
}

const SETTING_ADDRESSES = `python3 - <<'END'
import fcntl, socket, struct
def attempt(what, work):
    try: work(); print(what, 'WORKED')
    except PermissionError: print(what, 'EPERM')
    except OSError as e: print(what, 'EPERM' if e.errno == 1 else e)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
address = lambda a: struct.pack('HH4s8x', socket.AF_INET, 0, socket.inet_aton(a))
attempt('address', lambda: fcntl.ioctl(s, 0x8916, struct.pack('16s', b'eth0') + address('10.213.9.9')))
route = bytes(8) + address('0.0.0.0') + address('10.213.0.6') + address('0.0.0.0') + struct.pack('HhQQHhPQQH6x', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
attempt('route', lambda: fcntl.ioctl(s, 0x890B, route))
attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
def mark():
    t = socket.socket(); t.setsockopt(socket.SOL_IP, 19, 1); t.bind(('10.213.9.9', 0))
attempt('foreign bind', mark)
END`

export const TOPOLOGY: readonly (Row | Story)[] = [
  {
    id: 'A01',
    what: 'with the network off there is no way to an address',
    run: async ({ offline }) => {
      const { stdout } = await sh(
        await offline(),
        'curl -sk -m 3 https://1.1.1.1; echo "[exit $?]"; cat /proc/net/route; ls /sys/class/net',
      )
      expect(stdout).toContain('[exit 7]')
      expect(stdout.trim().split('\n').at(-1)).toBe('lo')
    },
  },
  {
    id: 'A02',
    what: 'with the network off there is no gateway; control: with it on there is',
    run: async ({ offline, main }) => {
      const gateway = main.network.attachment.dns
      const script = PORTS.map((port) => opens(gateway, port)).join('\n')
      expect((await sh(await offline(), script)).stdout).toBe('closed\n'.repeat(PORTS.length))
      expect((await sh(main.sandbox, script)).stdout).toBe(PORTS.map((port) => `open ${gateway}:${port}\n`).join(''))
      await main.records()
    },
  },
  {
    id: 'A04',
    what: 'no service of the host under any address; control: a container on the default bridge gets there',
    run: async (corpus) => {
      await using host = await listener()
      const addresses = hostAddresses(corpus)
      const script = addresses.map((address) => opens(address, host.port)).join('\n')
      expect((await sh(corpus.main.sandbox, script)).stdout).toBe('closed\n'.repeat(addresses.length))
      expect(host.came()).toBe(0)
      await docker('run', '--rm', inject('baseImage'), 'bash', '-c', opens('172.17.0.1', host.port))
      expect(host.came()).toBe(1)
    },
  },
  {
    id: 'A05',
    what: 'the name of the host leads nowhere',
    policy: 'RO',
    script: `getent ahostsv4 host.docker.internal || echo no name; ask -m 3 http://host.docker.internal:2375/version`,
    sees: [/no name/, refused(403, 'host')],
    ledger: [
      deny('host', 'dns', { host: 'host.docker.internal' }),
      deny('host', 'http', { host: 'host.docker.internal', port: 2375 }),
    ],
  },
  {
    id: 'A07',
    what: "the engine's socket is not there",
    policy: 'RO',
    user: 'root',
    script: `ls -l /var/run/docker.sock /run/docker.sock; curl -s --unix-socket /var/run/docker.sock http://d/version; echo "[exit $?]"; find / -xdev -type s 2>/dev/null`,
    sees: [/No such file[^]*No such file[^]*\[exit 7\]\n?$|\[exit 7\]/],
    not: [/ApiVersion/, /docker\.sock\n$/m],
    ledger: [],
  },
  {
    id: 'A08',
    what: 'two sandboxes do not see each other, by address or by name',
    run: async ({ main, place }) => {
      await main.permit('RO')
      const other = await place('RO')
      const { address, network } = other.network.attachment
      await other.sh(
        'cd /tmp && (python3 -m http.server 8080 --bind 0.0.0.0 >/dev/null 2>&1 &) ; for i in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:8080/ && break; sleep 0.1; done',
      )
      // Control: it serves under this address.
      expect((await other.sh(`ask --noproxy '*' -o /dev/null http://${address}:8080/`)).stdout).toContain('200 OK')
      const hostname = (await other.sh('cat /etc/hostname')).stdout.trim()
      const script = `ask --noproxy '*' -m 3 http://${address}:8080/; ask http://${address}:8080/; dig +tries=1 ${hostname}; dig +tries=1 ${network}`
      const { stdout, ledger } = await main.recorded({ script }, 3)
      expect(stdout).toMatch(/\[exit (7|28)\][^]*x-drydock-denied: ip-literal[^]*NXDOMAIN[^]*NXDOMAIN/i)
      expect(ledger).toEqual([
        like(deny('ip-literal', 'http')),
        like(deny('host', 'dns', { asked: hostname })),
        like({ verdict: 'deny', layer: 'dns' }),
      ])
    },
  },
  {
    id: 'A10',
    what: 'of all ports of the gateway four are open; its control is none',
    run: async ({ main, world }) => {
      await main.permit('RO')
      const sockets = await docker('exec', gatewayName(world.installation), 'cat', '/proc/net/tcp', '/proc/net/tcp6')
      const listening = [...sockets.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A/gm)]
        // The engine's own resolver, on loopback.
        .filter(([, address]) => address !== '0B00007F')
        .map(([, , port]) => Number.parseInt(port ?? '', 16))
      expect(listening.sort((x, y) => x - y)).toEqual(PORTS)
      const script = `python3 - <<'END'
import os, socket
found = []
for port in [*range(1, 1025), 2375, 2376, 3128, 4040, 5432, 6060, 8000, 8080, 8443, 9090, 9229, 10213]:
    s = socket.socket(); s.settimeout(2)
    if s.connect_ex((os.environ['DRYDOCK_GATEWAY'], port)) == 0: found.append(port)
    s.close()
print(found)
END`
      const { stdout, ledger } = await main.recorded({ script }, 0)
      expect([stdout, ledger]).toEqual(['[53, 80, 443, 3128]\n', []])
    },
  },
  ...(['agent', 'root'] as const).map((user): Row => ({
    id: 'A11',
    what: `${user} can take no other address and send no packets of its own making`,
    policy: 'RO',
    user,
    script: SETTING_ADDRESSES,
    sees: [/address EPERM/, /raw EPERM/, /packet EPERM/, /foreign bind EPERM/],
    not: [/WORKED/],
    ledger: [],
  })),
  {
    id: 'A13',
    what: 'no route leads to the gateway, and none can be added',
    policy: 'RO',
    user: 'root',
    script: `${SETTING_ADDRESSES}
python3 -c "
import socket
for line in open('/proc/net/route').read().splitlines()[1:]:
    name, to, via = line.split()[:3]; print('ROUTE', *(socket.inet_ntoa(bytes.fromhex(x)[::-1]) for x in (to, via)))"; echo GW $GW; ask -m 3 --noproxy '*' https://1.1.1.1/`,
    sees: [/route EPERM/, /\[exit (7|28)\]/],
    not: [/ROUTE 0\.0\.0\.0 (\S+)\n[^]*GW \1\n/],
    ledger: [],
  },
  {
    id: 'A13',
    what: 'the gateway forwards no packets: not even for a container that may set its routes',
    run: async ({ main, upstream, world }) => {
      const { dns, network } = main.network.attachment
      await main.permit('OFF')
      const gateway = gatewayName(world.installation)
      expect(await docker('exec', gateway, 'cat', '/proc/sys/net/ipv4/ip_forward')).toBe('0')
      upstream.seen.length = 0
      const script = `python3 - <<'END'
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
address = lambda a: struct.pack('HH4s8x', socket.AF_INET, 0, socket.inet_aton(a))
fcntl.ioctl(s, 0x890B, bytes(8) + address('0.0.0.0') + address('${dns}') + address('0.0.0.0') + struct.pack('HhQQHhPQQH6x', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0))
print('VIA', [socket.inet_ntoa(bytes.fromhex(l.split()[2])[::-1]) for l in open('/proc/net/route') if l.split()[1] == '00000000'][:1])
for target in (('${upstream.address}', 80), ('1.1.1.1', 443)):
    t = socket.socket(); t.settimeout(1.5)
    try: t.connect(target); print('REACHED', target)
    except OSError as e: print('no', e)
END`
      const [, image] =
        (
          await docker(
            'ps',
            '--format',
            '{{.Image}}',
            '--filter',
            `label=drydock.installation=${world.installation}`,
            '--filter',
            'label=drydock.kind=sandbox',
          )
        )
          .split('\n')[0]
          ?.split(/^(.*)$/) ?? []
      const said = await docker(
        'run',
        '--rm',
        '--cap-add',
        'NET_ADMIN',
        '--network',
        network,
        '--entrypoint',
        'bash',
        image ?? '',
        '-c',
        script,
      )
      expect(said).toContain(`VIA ['${dns}']`)
      expect(said).not.toContain('REACHED')
      expect(upstream.seen).toEqual([])
      await main.records()
    },
  },
  {
    id: 'A14',
    what: 'a namespace of its own has no way out',
    policy: 'RO',
    script: `unshare -Urn bash -c 'cat /proc/net/dev | tail -n +3; timeout 2 bash -c "</dev/tcp/1.1.1.1/443" && echo OUT; timeout 2 bash -c "</dev/tcp/$DRYDOCK_GATEWAY/3128" && echo OUT
python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print(\\"raw\\")"'; unshare -Ur bash -c 'unshare -Urn true; timeout 2 bash -c "</dev/tcp/1.1.1.1/443" && echo OUT
python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print(\\"RAW OUTSIDE\\")"'; echo done`,
    sees: [/done/],
    not: [/OUT/, /RAW OUTSIDE/, /eth0/],
    ledger: [],
  },
  {
    id: 'A16',
    what: 'UDP leads nowhere but to the resolver',
    run: async ({ main, upstream, world }) => {
      await main.permit('RO')
      let heard = 0
      const recorder = createSocket('udp4').on('message', () => (heard += 1))
      recorder.bind({ address: upstream.address, port: 9999 })
      await once(recorder, 'listening')
      const targets = ['8.8.8.8', upstream.address, '172.17.0.1', '$GW']
      await main.recorded({ script: targets.map((to) => `echo x > /dev/udp/${to}/9999`).join('\n') }, 0)
      const sockets = await docker('exec', gatewayName(world.installation), 'cat', '/proc/net/udp')
      const bound = [...sockets.matchAll(/: 00000000:([0-9A-F]{4}) 00000000:0000/g)].map(([, port]) => port)
      expect(bound).toEqual(['0035'])
      // Control: what is sent there from this machine arrives.
      const sender = createSocket('udp4')
      sender.send('x', 9999, upstream.address)
      await once(recorder, 'message')
      expect(heard).toBe(1)
      for (const each of [sender, recorder]) each.close()
    },
  },
  {
    id: 'A17',
    what: 'QUIC: nothing hears UDP on port 443, and the client falls back or fails',
    policy: 'RO',
    script: `python3 -c "
import os, socket
for port in (443, 80):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect((os.environ['DRYDOCK_GATEWAY'], port))
    try: s.send(b'\\xc3' + bytes(1199)); s.recv(1); print('HEARD')
    except ConnectionRefusedError: print('REFUSED')
    except socket.timeout: print('SILENT')"
curl -sk -m 3 --noproxy '*' --http3-only https://allowed.test/; echo "[exit $?]"`,
    sees: [/(REFUSED|SILENT)\n(REFUSED|SILENT)\n/],
    not: [/HEARD/, /\[exit 0\]/, /from upstream/],
    ledger: [],
  },
]
