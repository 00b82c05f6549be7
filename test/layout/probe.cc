// Never built: its target shows which flags a program that links engin::engin gets.
