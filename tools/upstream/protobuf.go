package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
)

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{`)
	fieldLine   = regexp.MustCompile(`^  (?:optional|required|repeated|map<.*>) ?[\w. ]*?\b(\w+) = ([0-9]+)[; ]`)
	anyLine     = regexp.MustCompile(`(?m)^.*$`)
)

// readMessages gives the field numbers of a .proto file by message and field. No file: nil.
func readMessages(file string) (map[string]map[string]int, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	messages := map[string]map[string]int{}
	var current map[string]int
	for _, line := range anyLine.FindAll(text, -1) {
		if found := messageLine.FindSubmatch(line); found != nil {
			current = map[string]int{}
			messages[string(found[1])] = current
		} else if found := fieldLine.FindSubmatch(line); found != nil {
			number, err := strconv.Atoi(string(found[2]))
			if err != nil {
				return nil, err
			}
			current[string(found[1])] = number
		}
	}
	return messages, nil
}

// checkMessage compares a struct's protobuf tags with its published message.
func checkMessage(read *goPackage, name string, facts *typeFacts) error {
	message, ok := read.messages[name]
	if !ok {
		return nil
	}
	numbers := map[int]bool{}
	for _, number := range message {
		numbers[number] = true
	}
	for _, field := range facts.Fields {
		if field.Number == 0 {
			continue
		}
		if number, ok := message[field.Name]; ok && number != field.Number || !numbers[field.Number] {
			return fmt.Errorf("field %s has number %d, not that of the .proto file", field.Go, field.Number)
		}
		delete(numbers, field.Number)
	}
	if len(numbers) > 0 {
		return fmt.Errorf("the .proto file has %d more fields than the Go type", len(numbers))
	}
	return nil
}
