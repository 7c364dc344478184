/* main.c - the program, not wired yet. */
int main(void)
{
	return 70;
}
