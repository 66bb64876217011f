// Command arrives arrives three times at each of two points.
package main

import (
	"fmt"
	"os"

	"rosey/internal/crashpoint"
)

func main() {
	hook, err := crashpoint.Hook("first", "second")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := range 3 {
		for _, point := range []string{"first", "second"} {
			if hook != nil {
				hook(point)
			}
			fmt.Println(point, n+1)
		}
	}
}
