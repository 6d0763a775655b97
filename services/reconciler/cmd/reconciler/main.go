// Command reconciler runs the service as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/reconciler"
)

func main() { os.Exit(host.Main(host.Dial, reconciler.Unit)) }
