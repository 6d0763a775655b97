// Command status-publisher runs the service as a process of its own.
package main

import (
	"os"

	"github.com/orderstream/orderstream/services/host"
	statuspublisher "github.com/orderstream/orderstream/services/status-publisher"
)

func main() { os.Exit(host.Main(host.Dial, statuspublisher.Unit)) }
