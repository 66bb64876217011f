package healing

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// scratch is a folder for what several tests share.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for networks and elections more than they compute.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("6")
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "rosey-healing-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	return m.Run()
}
