// Command netsuite-writer runs the writer as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
)

func main() { os.Exit(host.Main(host.Dial, netsuitewriter.Unit)) }
