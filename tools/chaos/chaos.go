// Package chaos kills Orderstream at observed points of an order's way and proves that a restart on the same
// data loses nothing and doubles nothing (Invariants 1, 2, 3 and 7).
package chaos
