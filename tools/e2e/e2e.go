// Package e2e drives the whole of Orderstream from a shop's signed delivery to NetSuite's record and back,
// with the doubles on the other ends.
package e2e
