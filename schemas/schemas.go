// Package schemas embeds the JSON Schemas of every message, of the configuration file and of the mapping
// document. They are written by hand and lead: structs are proven against them. A released file never
// changes. File <family>/v1/<name>.json describes type <family>.v1.<name>.
package schemas

import "embed"

// Files holds every schema, e.g. "order/v1/placed.json".
//
//go:embed */v1/*.json mapping/*.json
var Files embed.FS
