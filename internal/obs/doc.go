// Package obs shows a running installation to machines: its metrics, whether it
// is alive, and whether it is ready.
//
// A Server listens on the loopback address alone. Nothing is counted here: each
// scrape asks the parts for their own Status, so that a number on a page and the
// number that a part works with are the same. A health check asks the same
// functions, and what cannot be asked counts as not ready.
//
// No label carries a user's name, and no value what anybody said.
package obs
