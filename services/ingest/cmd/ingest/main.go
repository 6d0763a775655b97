// Command ingest runs the door as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest"
)

func main() { os.Exit(host.Main(host.Dial, ingest.Unit)) }
