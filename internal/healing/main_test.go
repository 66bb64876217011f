package healing

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"rosey/internal/suite"
)

// testsAtOnce are fewer tests than elsewhere: some have a cluster each.
const testsAtOnce = 6

// scratch is a folder for what several tests share.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse() // what cannot be read ends here, with nothing left behind
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "rosey-healing-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	return suite.Run(m, testsAtOnce)
}
