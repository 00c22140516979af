/** Where a sandbox finds the certificates of its gateway; a read-only mount, absent without a network. */
export const TRUST_FOLDER = '/etc/drydock'

/** Bundles that programs read without being told, by distribution. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * Adds the gateway's certificates to the image's own bundles, between marks, so that an image that was saved with older
 * ones loses them. A mount over the bundle would be shorter, but then no package that brings certificates along could be
 * installed: the tools replace the file.
 */
export const TRUST_SCRIPT = [
  `if [ -s ${TRUST_FOLDER}/gateway-ca.pem ]; then`,
  `for f in ${SYSTEM_BUNDLES.join(' ')}; do`,
  // Several names may be one file.
  'if [ -f "$f" ] && ! { grep -q "^# drydock:begin $(cat /etc/drydock/hash)" "$f"; } 2>/dev/null; then',
  '{ sed "/^# drydock:begin/,/^# drydock:end/d" "$f" && echo && echo "# drydock:begin $(cat /etc/drydock/hash)" &&',
  `cat ${TRUST_FOLDER}/gateway-ca.pem && echo "# drydock:end"; } > /drydock/bundle 2>/dev/null && cat /drydock/bundle > "$f"`,
  'rm -f /drydock/bundle; fi; done; fi',
].join('\n')
