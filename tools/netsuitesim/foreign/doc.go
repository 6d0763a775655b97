// Package foreign runs clients that others wrote against the NetSuite double:
// what both sides read out of Oracle's documents alike is less likely to be our
// own invention.
//
// The clients come from npm (package.json). check.sh installs them into a
// temporary folder and runs the test, which needs the build tag foreign; where
// npm is absent it says so and does nothing.
package foreign
