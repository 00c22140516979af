import { expect, test } from 'vitest'
import { cgroupFolder } from '../../../runner/sandbox/cgroup-folder.ts'

const V1 = '7:memory:/docker/ab\n3:freezer:/docker/ab\n2:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n'

test.each([
  [V1, 'freezer', '/sys/fs/cgroup/freezer/docker/ab'],
  [V1, 'cpuacct', '/sys/fs/cgroup/cpuacct/docker/ab'],
  [`${V1}0::/docker/ab\n`, 'memory', '/sys/fs/cgroup/memory/docker/ab'],
  ['0::/system.slice/docker-ab.scope\n', 'freezer', '/sys/fs/cgroup/system.slice/docker-ab.scope'],
  [V1, 'hugetlb', undefined],
  ['', 'freezer', undefined],
])('cgroupFolder() of %j and %s is %s', (membership, controller, folder) => {
  expect(cgroupFolder(membership, controller)).toBe(folder)
})
