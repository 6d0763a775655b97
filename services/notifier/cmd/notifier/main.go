// Command notifier runs the notifier as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/notifier"
)

func main() { os.Exit(host.Main(host.Dial, notifier.Unit)) }
