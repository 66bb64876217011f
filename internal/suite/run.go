package suite

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"testing"
)

// Usual is how many tests of a package go at once where each of them takes little
// more than a server and a folder.
const Usual = 8

const limitFlag = "test.parallel"

// Run runs the package's tests, atOnce of the parallel ones at a time unless the
// command line gives another number, and returns the status to exit with.
func Run(m *testing.M, atOnce int) int {
	flag.Parse()
	if !given(limitFlag) {
		if err := flag.Set(limitFlag, strconv.Itoa(atOnce)); err != nil {
			fmt.Fprintf(os.Stderr, "set -%s: %v\n", limitFlag, err)
			return 2
		}
	}
	hearInterrupts()
	return m.Run()
}

// hearInterrupts makes what the tests start heed interrupts from its first moment on.
// Who is started by a script in the background ignores them, and so does all that is
// started in turn, until it asks for them.
func hearInterrupts() {
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
}

// given says whether the command line has the flag. Its value does not tell: what
// is asked for may be what would have been.
func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}
