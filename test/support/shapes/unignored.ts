import { COMPILED_SHAPES, GO_FILES, JAVA_FILES } from './compiled.ts'
import { RUBY_FILES } from './mixed.ts'
import { json } from './shape.ts'
import type { Shape } from './shape.ts'

// Repositories without a .gitignore, whose tools write beside the sources.

const without = (name: string): Readonly<Record<string, string>> => {
  const files = COMPILED_SHAPES.find((shape) => shape.name === name)?.files ?? {}
  return Object.fromEntries(Object.entries(files).filter(([path]) => path !== '.gitignore' && path !== 'Cargo.lock'))
}
const copied = (command: string) => `(rm -rf /tmp/build && cp -a . /tmp/build && cd /tmp/build && ${command})`
const hidden = (name: string) => `mkdir -p ${name} && echo '*' | tee ${name}/.gitignore > /dev/null`

const npm: Shape = {
  name: 'npm with no .gitignore',
  files: {
    'package.json': json({ name: 'a', version: '1.0.0', dependencies: { ms: '2.1.3' } }),
    'sum.test.ts':
      "import test from 'node:test'\nimport 'ms'\ntest('sum', () => { const sum: number = 3; void sum })\n",
  },
  setup: ['npm install --no-package-lock --no-audit --no-fund', hidden('node_modules')],
  verification: ['node --test'],
}

const rust: Shape = {
  name: 'Rust with no Cargo.lock and no .gitignore',
  files: without('Rust'),
  setup: ['cargo fetch && rm -f Cargo.lock'],
  verification: [
    copied(
      'CARGO_TARGET_DIR=/tmp/cargo-target cargo build --offline && CARGO_TARGET_DIR=/tmp/cargo-target cargo test --offline',
    ),
  ],
}

const maven: Shape = {
  name: 'Maven with no .gitignore',
  files: without('Maven'),
  setup: [
    'mvn -B -ntp -Dmaven.test.failure.ignore=true test || mvn -B -ntp -s /opt/debian-maven.xml -Dmaven.test.failure.ignore=true test',
    hidden('target'),
  ],
  verification: ['mvn -B -ntp -o test'],
}

const GRADLE = 'gradle --no-daemon -I /opt/debian.gradle'
const gradle: Shape = {
  name: 'Gradle with neither wrapper nor .gitignore',
  files: {
    'build.gradle':
      "plugins { id 'java' }\n\nrepositories { mavenCentral() }\n\ndependencies { testImplementation 'junit:junit:4.13.2' }\n",
    ...JAVA_FILES,
  },
  setup: [
    `${GRADLE} testClasses || ${GRADLE} --offline testClasses`,
    "mkdir -p .gradle build && echo '*' | tee .gradle/.gitignore build/.gitignore > /dev/null",
  ],
  verification: [`${GRADLE} --offline test`],
}

const make: Shape = {
  name: 'C with make and no .gitignore',
  files: without('C with make'),
  setup: [],
  verification: [copied('make && make test')],
}

const ruby: Shape = {
  name: 'Ruby with no Gemfile.lock and no .gitignore',
  files: RUBY_FILES,
  setup: ['{ bundle install --local || bundle install; } && rm -f Gemfile.lock'],
  verification: [copied('bundle exec rake test')],
}

const go: Shape = {
  name: 'Go that wishes for a newer toolchain',
  files: { ...GO_FILES, 'go.mod': 'module example.test/adding\n\ngo 1.21\n\ntoolchain go1.25.1\n' },
  setup: ["GOTOOLCHAIN=local go build ./... || echo 'go build failed; the agent will see why'"],
  verification: ['GOTOOLCHAIN=local go build ./...', 'GOTOOLCHAIN=local go test ./...'],
  reasons: [{ what: 'toolchain go1.25.1 is not fetched', from: 'go.mod' }],
}

export const UNIGNORED_SHAPES = [npm, rust, maven, gradle, make, ruby, go]
