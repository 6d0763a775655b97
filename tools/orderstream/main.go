// Command orderstream is the operator's command and the all-in-one.
package main

import (
	"os"

	"github.com/orderstream/orderstream/tools/orderstream/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
