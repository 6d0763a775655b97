// Command transformer runs parse and map as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/transformer"
)

func main() { os.Exit(host.Main(host.Dial, transformer.Unit)) }
