// Command upstream reads the API types of a Kubernetes source tree and writes them as JSON, one type a line.
//
// It parses the Go files of the packages below and follows their fields from every kind (a struct that embeds
// TypeMeta) to all types that a kind is made of. It needs the standard library only and compiles nothing of the
// tree. The .proto files next to the types must agree with the types' protobuf tags.
//
// Usage: go run tools/upstream/*.go SOURCE > kprov/kube/machinery/upstream/RELEASE.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
)

// Packages with kinds, below staging/src/k8s.io. In api/ every version that is generally available counts.
var kindPackages = []string{
	"api/*/v*",
	"apimachinery/pkg/apis/meta/v1",
	"apiextensions-apiserver/pkg/apis/apiextensions/v1",
	"kube-aggregator/pkg/apis/apiregistration/v1",
}

// Types that are served without being a kind.
var moreRoots = []string{
	"apimachinery.pkg.apis.meta.v1.GroupResource",
	"apimachinery.pkg.apis.meta.v1.WatchEvent",
	"apimachinery.pkg.version.Info",
}

var (
	stableVersion = regexp.MustCompile(`/v[0-9]+$`)
	releaseLine   = regexp.MustCompile(`DefaultKubeBinaryVersion = "([0-9.]+)"`)
)

func main() {
	if len(os.Args) != 2 {
		fail("usage: upstream SOURCE (the root of a Kubernetes source tree)")
	}
	staging := filepath.Join(os.Args[1], "staging", "src", "k8s.io")
	tree := &tree{staging: staging, packages: map[string]*goPackage{}}
	facts, err := tree.collect()
	if err != nil {
		fail(err.Error())
	}
	release, err := readRelease(staging)
	if err != nil {
		fail(err.Error())
	}
	if err := write(os.Stdout, release, facts); err != nil {
		fail(err.Error())
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "upstream: "+text)
	os.Exit(1)
}

func readRelease(staging string) (string, error) {
	file := filepath.Join(staging, "component-base", "version", "base.go")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%w (is this a Kubernetes source tree?)", err)
	}
	found := releaseLine.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s has no DefaultKubeBinaryVersion", file)
	}
	return string(found[1]), nil
}

// write prints one JSON object with a line for each type, so that a reader can find a type without parsing all.
func write(out io.Writer, release string, facts map[string]*typeFacts) error {
	names := make([]string, 0, len(facts))
	for name := range facts {
		names = append(names, name)
	}
	sort.Strings(names)
	buffered := bufio.NewWriter(out)
	fmt.Fprintf(buffered, "{\n\"release\": %q,\n\"types\": {\n", release)
	for i, name := range names {
		line, err := encode(facts[name])
		if err != nil {
			return err
		}
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(buffered, "%q: %s%s\n", name, line, comma)
	}
	fmt.Fprint(buffered, "}\n}\n")
	return buffered.Flush()
}

// encode gives compact JSON without the HTML escapes that json.Marshal writes.
func encode(value any) ([]byte, error) {
	var text lineBuffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return text[:len(text)-1], nil
}

type lineBuffer []byte

func (b *lineBuffer) Write(data []byte) (int, error) {
	*b = append(*b, data...)
	return len(data), nil
}
